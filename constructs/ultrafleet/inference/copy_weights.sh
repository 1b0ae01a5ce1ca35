# Copies a model's files from S3 to this node once, and stays to say that they are whole.
# BUCKET, PREFIX: where they are. STORE: directory of the node. COPY: name of this copy. MODEL: name of its folder.
set -u
umask 022
trap 'exit 0' TERM
tab=$(printf '\t')
copy="$STORE/$COPY" partial="$STORE/.partial-$COPY"
say() { echo "$(date -u +%FT%TZ) $*"; }

# A line of size, ETag and key for each object; keys that end with a slash are no files.
listing() {
  aws s3api list-objects-v2 --bucket "$BUCKET" --prefix "$PREFIX/" --output text \
    --query 'Contents[].[Size,ETag,Key]' > "$list" || return 1
  LC_ALL=C sort "$list" | while IFS=$tab read -r size etag key; do
    case "$key" in '' | */) ;; *) printf '%s\t%s\t%s\n' "$size" "$etag" "$key" ;; esac
  done
}

lacks_room() {
  have=$(df --output=avail -B1 "$STORE" | tail -n 1)
  had=$(du -sb "$partial" | cut -f 1)
  [ $((have + had)) -lt "$need" ]
}

fetch() {
  now=$(listing) || return 1
  [ -n "$now" ] || { say "s3://$BUCKET/$PREFIX has no objects, expected the model's files: upload them"; return 1; }
  need=0
  while IFS=$tab read -r size etag key; do need=$((need + size)); done <<LIST
$now
LIST
  mkdir -p "$partial/$MODEL" || return 1
  # Copies of earlier addresses go when their room is needed.
  if lacks_room; then
    for old in "$STORE"/*/; do [ "$old" = "$copy/" ] || rm -rf "$old"; done
  fi
  if lacks_room; then
    say "$STORE has room for $((have + had)) bytes, expected $need: the node's disk is full"
    return 1
  fi
  say "copying $need bytes from s3://$BUCKET/$PREFIX"
  aws s3 sync --only-show-errors --delete "s3://$BUCKET/$PREFIX" "$partial/$MODEL" || return 1
  [ "$(listing)" = "$now" ] || { say "the objects changed while they were copied: copying again"; return 1; }
  while IFS=$tab read -r size etag key; do
    file="$partial/$MODEL/${key#"$PREFIX"/}"
    [ "$(stat -c %s "$file" 2> /dev/null)" = "$size" ] || { say "$file hasn't $size bytes: copying again"; return 1; }
  done <<LIST
$now
LIST
  if [ -e "$partial/$MODEL/SHA256SUMS" ]; then
    (cd "$partial/$MODEL" && sha256sum --check --quiet --strict SHA256SUMS) || {
      say "the files aren't those of SHA256SUMS: copying again"
      rm -rf "$partial"
      return 1
    }
  fi
  printf '%s\n' "$now" > "$partial/objects" && sync || return 1
  # A rename is whole or isn't: nobody sees half a copy. Where another was faster, that one stays.
  [ -d "$copy" ] || mv -T "$partial" "$copy"
}

list=$(mktemp)
for other in "$STORE"/.partial-*; do [ "$other" = "$partial" ] || rm -rf "$other"; done
if [ -d "$copy" ] && now=$(listing) && [ "$now" != "$(cat "$copy/objects")" ]; then
  say "s3://$BUCKET/$PREFIX isn't what was copied and is served: put changed weights under another prefix"
fi
until [ -d "$copy" ] || fetch; do sleep "${AGAIN_SECONDS:-15}" & wait $!; done
rm -rf "$partial"
say "$copy is whole"
while :; do sleep 3600 & wait $!; done
