#!/bin/sh
# Start a service or a command of medloom's image: git finds its log-in in ~/.netrc, so that no password is
# part of a ledger's address, which messages and process lists show.
set -eu
if [ -n "${LEDGER_PASSWORD:-}" ]; then
  (umask 077 && printf 'machine %s login %s password %s\n' "${LEDGER_HOST:-ledger}" "$LEDGER_USER" "$LEDGER_PASSWORD" > "$HOME/.netrc")
  unset LEDGER_PASSWORD
fi
exec "$@"
