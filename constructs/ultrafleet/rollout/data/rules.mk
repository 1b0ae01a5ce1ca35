# A cell, whole: what would take running nodes away stops it, unless ACCEPT_CELL has its key; its output is in $(LOGS).
# CloudFormation knows what is done: run again, a cell that is deployed says "no changes".
$(CELLS):
	@mkdir -p "$(LOGS)"
	@{ ultrafleet preflight $@ --environments "$(ASSEMBLY)/environments" --assembly "$(ASSEMBLY)" $(PREFLIGHT) \
	    $(foreach key,$(ACCEPT_$@),--accept '$(key)') \
	  && cdk deploy '**' --app "$(ASSEMBLY)/assembly-$@" --concurrency $(STACKS_AT_ONCE) --require-approval never \
	    --ci --no-notices --progress events $(CDK); } > "$(LOGS)/$@.log" 2>&1 \
	  || { tail -n 60 "$(LOGS)/$@.log" >&2; \
	    echo "$@ failed: no further cell begins; all of it is in $(LOGS)/$@.log" >&2; exit 1; }
	@echo "$@: $$(grep -c '✅' "$(LOGS)/$@.log") stacks, of which" \
	  "$$(grep -c '(no changes)' "$(LOGS)/$@.log") had no changes"

# The gate after a wave: its stacks are complete, and no alarm of its cells fires until $(BAKE_MINUTES) minutes after the
# last change.
$(WAVES):
	@ultrafleet programme gate $^ --assembly "$(ASSEMBLY)" --minutes $(BAKE_MINUTES) $(IGNORED)
	@echo "$@ of $(words $(WAVES)) is through: $^"
