#!/bin/sh
# Fill a new, empty deployment from a folder of backup.sh: deploy/restore.sh FOLDER
#
# .env and deploy/secrets must be those of the deployment that was copied.
set -eu
[ "$#" -eq 1 ] || { echo "usage: deploy/restore.sh FOLDER" >&2; exit 65; }
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
for file in ledgers.tar marks.tar airflow.dump celery.dump mlflow.dump mlflow_auth.dump objects; do
  [ -e "$folder/$file" ] || { echo "$folder/$file is missing: this is no whole backup" >&2; exit 65; }
done
if docker compose ps --status running --services | grep -q -e worker -e api-server -e mlflow; then
  echo "services run that would write meanwhile: type \`docker compose down\` first" >&2
  exit 65
fi
docker compose up -d --wait postgres ledger
if [ "$(docker compose exec -T ledger sh -c 'cat /srv/git/*/packed-refs /srv/git/*/refs/heads/* 2>/dev/null | wc -l')" -ne 0 ]; then
  echo "the ledgers here are not empty and are not overwritten: remove the volumes with \`docker compose down --volumes\`" >&2
  exit 65
fi
docker compose exec -T ledger sh -c 'rm -rf /srv/git/* && tar -C /srv -xf -' < "$folder/ledgers.tar"
docker compose run --rm -T --entrypoint tar medloom -C /marks -xf - < "$folder/marks.tar"
for name in airflow celery mlflow mlflow_auth; do
  docker compose exec -T postgres pg_restore --username postgres --clean --if-exists --exit-on-error --dbname "$name" < "$folder/$name.dump"
done
docker compose run --rm -T --volume "$folder/objects:/backup:ro" objects load /backup
docker compose restart ledger
echo "restored; next: docker compose up -d --wait"
