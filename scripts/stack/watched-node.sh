#!/bin/sh
# What `nest start --watch` runs as node: the first node on PATH, ended when nest ends, in whatever way. nest puts
# quotes around a path with a blank, which only a shell would take away; but a shell in between would get nest's
# signals in the application's place.
for argument in "$@"; do
  shift
  case $argument in
    '"'*'"') argument=${argument#?} argument=${argument%?} ;;
  esac
  set -- "$@" "$argument"
done
exec setpriv --pdeathsig TERM -- node "$@"
