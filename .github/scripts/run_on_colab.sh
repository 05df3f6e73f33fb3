#!/usr/bin/env bash
# Runs a notebook on Colab by Google's own command line, and fetches the report that it made.
#
# Usage: run_on_colab.sh NOTEBOOK REPORT OUT
# REPORT is its path on Colab's machine; OUT gets executed.ipynb and report.html. $GOOGLE_APPLICATION_CREDENTIALS names the
# file that `gcloud auth application-default login` writes, $ACCELERATOR the GPU, or is CPU. Whoever calls this ends the
# session $SESSION afterwards: a job that is cancelled is killed before it could clean up.
set -euo pipefail
notebook=$1 report=$2 out=$3
mkdir -p "$out"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
gpu=()
if [ "$ACCELERATOR" != CPU ]; then
  gpu=(--gpu "$ACCELERATOR")
fi
cp "$notebook" "$place/executed.ipynb"
colab --auth adc new -s "$SESSION" "${gpu[@]}"
# The study is kept in a folder there: mounting Drive would ask a person. Without --timeout a cell may take half a minute.
# What was made is fetched whatever happened; the status says nothing about cells that failed.
status=0
colab --auth adc exec -s "$SESSION" -f "$place/executed.ipynb" \
  --env FASHION_COMPARE_KEEP=/content/kept --timeout 10800 || status=$?
cp "$place/executed_output.ipynb" "$out/executed.ipynb" || status=$?
colab --auth adc download -s "$SESSION" "$report" "$out/report.html" || status=$?
exit "$status"
