#!/usr/bin/env bash
# Makes branch `colab` of the remote `origin` one commit that holds this notebook alone, under the path it has here.
# The badge points there: the branch has no history, since each notebook names the commit that it belongs to.
set -euo pipefail
notebook=$1
blob=$(git hash-object -w "$notebook")
export GIT_INDEX_FILE
GIT_INDEX_FILE=$(mktemp -u)
trap 'rm -f "$GIT_INDEX_FILE"' EXIT
git update-index --add --cacheinfo "100644,$blob,$notebook"
name="github-actions[bot]"
mail="41898282+github-actions[bot]@users.noreply.github.com"
commit=$(
  GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$mail GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$mail \
    git commit-tree "$(git write-tree)" -m "Notebook of $(git rev-parse HEAD)"
)
git push --force origin "$commit:refs/heads/colab"
