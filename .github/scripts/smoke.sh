#!/usr/bin/env bash
# Installs the wheel in a directory into an environment without development packages, and uses it as anybody would.
set -euo pipefail
wheel=$(realpath "$1"/*.whl)
constraints=$(realpath constraints.txt)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
VENV="$place/venv" bash "$(dirname "$0")/environment.sh"
"$place/venv/bin/pip" install --quiet -c "$constraints" "$wheel"
# From here on the source tree is out of reach.
cd "$place"
unset PYTHONPATH
for package in pytest ruff mypy; do
  if venv/bin/python -c "import $package" 2>/dev/null; then
    echo "$package is installed: this environment says nothing about users'" >&2
    exit 1
  fi
done
venv/bin/fashion-compare --help >help.txt
grep -q "run a study" -i help.txt
venv/bin/fashion-compare run quick --data synthetic --quiet
study=$(dirname runs/*/study.yaml)
rm "$study/report.html"
venv/bin/fashion-compare report "$study"
test -s "$study/report.html"
echo "the installed wheel runs a study and reports it"
