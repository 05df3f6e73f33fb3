#!/usr/bin/env bash
# Makes a virtual environment in $VENV (.venv), and installs the project in it with the extras that are named.
#
# On Linux pip takes PyTorch's CUDA build: gigabytes more than a runner without a GPU needs. When the repository variable
# TORCH_INDEX_URL says where PyTorch's index of CPU builds is, torch alone comes from there, and all else from PyPI.
set -euo pipefail
venv=${VENV:-.venv}
python -m venv "$venv"
if [ -n "${TORCH_INDEX_URL:-}" ]; then
  "$venv/bin/pip" install --quiet --no-deps --index-url "$TORCH_INDEX_URL" "$(grep '^torch==' constraints.txt)"
fi
if [ $# -gt 0 ]; then
  "$venv/bin/pip" install --quiet -c constraints.txt -e ".[$1]"
fi
