#!/bin/sh
# Serve the ledgers of /srv/git. The accounts of medloom itself and of `auditor` are set anew at every
# start; those of people, which `users` wrote, stay.
set -eu
umask 027
accounts=/srv/accounts/htpasswd
[ -e "$accounts" ] || : > "$accounts"

line() { printf '%s:%s\n' "$1" "$(printf '%s\n' "$2" | openssl passwd -6 -stdin)"; }
new=$(mktemp /srv/accounts/.new-XXXXXX)
{
  line medloom "${LEDGER_PASSWORD:?}"
  line auditor "${LEDGER_AUDITOR_PASSWORD:?}"
  grep -v -e '^medloom:' -e '^auditor:' "$accounts" || true
} > "$new"
mv "$new" "$accounts"
unset LEDGER_PASSWORD LEDGER_AUDITOR_PASSWORD

[ -n "$(ls -A /srv/git)" ] || /opt/ledger/create.sh phantom
exec lighttpd -D -f /opt/ledger/lighttpd.conf
