#!/bin/sh
# Start MLflow with log-ins. Both databases are migrated first; passwords come by the environment and a
# file, since every process of the host can read a command line.
set -eu
umask 077
cat > "$HOME/auth.ini" <<END
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = ${MLFLOW_AUTH_DATABASE:?}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
auth_cache_ttl_seconds = 60
END
export MLFLOW_AUTH_CONFIG_PATH="$HOME/auth.ini"
python -c 'import os; from mlflow.db import upgrade; upgrade.main([os.environ["MLFLOW_BACKEND_STORE_URI"]], standalone_mode=False)'
# Several workers are ended by uvicorn where they do not answer it in time, as on a busy host while they start.
exec mlflow server --app-name basic-auth --host 0.0.0.0 --port 5000 --workers "${MLFLOW_WORKERS:-1}" \
  --uvicorn-opts "--timeout-worker-healthcheck 120"
