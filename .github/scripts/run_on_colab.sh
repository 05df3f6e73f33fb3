#!/usr/bin/env bash
# Runs a notebook on Colab by Google's own command line, and fetches the report that it made.
#
# Usage: run_on_colab.sh NOTEBOOK REPORT OUT
# REPORT is its path on Colab's machine; OUT gets executed.ipynb and report.html. $COLAB_CREDENTIALS holds the JSON file
# that `gcloud auth application-default login` writes, and $ACCELERATOR names the GPU, or is CPU.
set -euo pipefail
notebook=$1 report=$2 out=$3
if [ -z "${COLAB_CREDENTIALS:-}" ]; then
  echo "the secret COLAB_CREDENTIALS is not set: see 'Running on Colab' in CONTRIBUTING.md" >&2
  exit 1
fi
mkdir -p "$out"
place=$(mktemp -d)
session=fashion-compare-${GITHUB_RUN_ID:-$$}
# A session that is left open goes on using compute units.
trap 'colab --auth adc stop -s "$session" || true; rm -rf "$place"' EXIT
export GOOGLE_APPLICATION_CREDENTIALS=$place/credentials.json
(umask 077 && printf '%s' "$COLAB_CREDENTIALS" >"$GOOGLE_APPLICATION_CREDENTIALS")
unset COLAB_CREDENTIALS
gpu=()
if [ "$ACCELERATOR" != CPU ]; then
  gpu=(--gpu "$ACCELERATOR")
fi
cp "$notebook" "$place/executed.ipynb"
colab --auth adc new -s "$session" "${gpu[@]}"
# The study is kept in a folder there: mounting Drive would ask a person. Without --timeout a cell may take half a minute.
# What was made is fetched whatever happened; the status says nothing about cells that failed.
status=0
colab --auth adc exec -s "$session" -f "$place/executed.ipynb" \
  --env FASHION_COMPARE_KEEP=/content/kept --timeout 10800 || status=$?
cp "$place/executed_output.ipynb" "$out/executed.ipynb" || status=$?
colab --auth adc download -s "$session" "$report" "$out/report.html" || status=$?
exit "$status"
