#!/bin/sh
# Start SeaweedFS on one host, with the keys of medloom and of an auditor, who may only read.
set -eu
umask 077
cat > /tmp/s3.json <<END
{"identities": [
  {"name": "medloom", "credentials": [{"accessKey": "${S3_ACCESS_KEY:?}", "secretKey": "${S3_SECRET_KEY:?}"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "auditor", "credentials": [{"accessKey": "${S3_AUDITOR_ACCESS_KEY:?}", "secretKey": "${S3_AUDITOR_SECRET_KEY:?}"}],
   "actions": ["Read:${S3_BUCKET:?}", "List:${S3_BUCKET}"]}
]}
END
exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=0.0.0.0 -master.volumeSizeLimitMB=1024 -volume.max=0 \
  -s3 -s3.port=8333 -s3.config=/tmp/s3.json
