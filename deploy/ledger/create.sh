#!/bin/sh
# Make the empty ledger of a project: docker compose exec ledger /opt/ledger/create.sh kidney
set -eu
name=${1:?is the name of a project, such as kidney}
case $name in
*[!a-z0-9._-]* | [!a-z0-9]*) echo "$name is no name; use lower-case letters, digits, dot, dash, underscore" >&2; exit 65 ;;
esac
place=/srv/git/$name.git
[ ! -e "$place" ] || { echo "$place exists and is left as it is" >&2; exit 65; }
git init --quiet --bare --initial-branch=code "$place"
# Branches only grow, whoever pushes: records are added, and none is taken back.
git -C "$place" config receive.denyNonFastForwards true
git -C "$place" config receive.denyDeletes true
git -C "$place" config http.receivepack true
echo "$place is ready"
