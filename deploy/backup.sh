#!/bin/sh
# Copy a deployment to a folder: deploy/backup.sh FOLDER. It may run meanwhile.
#
# The ledgers come first, then the databases, and the bucket last: data is written before anything refers
# to it, so that the copy holds all that its ledgers name. A second copy into the same folder replaces the
# ledgers and databases, and adds what is new of the bucket.
set -eu
[ "$#" -eq 1 ] || { echo "usage: deploy/backup.sh FOLDER" >&2; exit 65; }
cd "$(dirname "$0")/.."
umask 077
mkdir -p "$1/objects"
folder=$(cd "$1" && pwd)
[ "$(id -u)" -ne 0 ] || chown "$(sed -n 's/^MEDLOOM_UID=//p' .env)" "$folder/objects"

docker compose exec -T ledger tar -C /srv -cf - git accounts > "$folder/ledgers.tar.half"
mv "$folder/ledgers.tar.half" "$folder/ledgers.tar"
docker compose run --rm -T --entrypoint tar medloom -C /marks -cf - . > "$folder/marks.tar.half"
mv "$folder/marks.tar.half" "$folder/marks.tar"
for name in airflow celery mlflow mlflow_auth; do
  docker compose exec -T postgres pg_dump --username postgres --format custom "$name" > "$folder/$name.dump.half"
  mv "$folder/$name.dump.half" "$folder/$name.dump"
done
docker compose run --rm -T --volume "$folder/objects:/backup" objects save /backup
echo "$folder holds ledgers, accounts, keys of marks, databases and objects. Keep .env and deploy/secrets elsewhere, too;"
echo "the landing zone, logs and workers' state folders are not in it."
