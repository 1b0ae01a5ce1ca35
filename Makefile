SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
