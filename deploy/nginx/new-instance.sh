#!/bin/sh
# new-instance.sh <instance.conf> <command …>: gives this life of nginx an id of its own, then becomes the command. Run at every
# start of nginx, never at a reload: what began before the start has ended with the life before.
set -eu
file=$1
shift
id=$(tr -d - </proc/sys/kernel/random/uuid)
printf 'map "" $nginx_instance {\n    default "%s";\n}\n' "$id" >"$file.new"
mv "$file.new" "$file"
exec "$@"
