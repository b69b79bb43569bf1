#!/bin/sh
# Stands in for the official image's entry point: a data folder made once, then the scripts beside it.
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
mkdir -p "$data" /var/run/postgresql
chown -R postgres "$data" /var/run/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
  printf '%s\n' "${POSTGRES_PASSWORD:?}" > /tmp/password
  chown postgres /tmp/password
  setpriv --reuid postgres --regid postgres --init-groups "$bin/initdb" -D "$data" -U postgres --pwfile /tmp/password --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8 > /dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  setpriv --reuid postgres --regid postgres --init-groups "$bin/pg_ctl" -D "$data" -w -o "-c listen_addresses=" start > /dev/null
  for script in /docker-entrypoint-initdb.d/*.sql; do
    setpriv --reuid postgres --regid postgres --init-groups psql -v ON_ERROR_STOP=1 -U postgres -f "$script"
  done
  setpriv --reuid postgres --regid postgres --init-groups "$bin/pg_ctl" -D "$data" -w stop > /dev/null
fi
exec setpriv --reuid postgres --regid postgres --init-groups "$bin/postgres" -D "$data" -c listen_addresses='*' -c max_connections=200
