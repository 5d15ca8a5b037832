#!/bin/sh
# Writes the tables of README.md anew: table.sh BUILD/tests/unit/test_cases
set -e
here=$(cd "$(dirname "$0")" && pwd)
new=$(mktemp)
sed '/^<!-- table -->$/q' "$here/README.md" >"$new"
PIRN_SOURCE_DIR=$here/../.. "$1" --table >>"$new"
cat "$new" >"$here/README.md"
rm "$new"
