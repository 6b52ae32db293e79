#!/bin/sh
# Installs Debian packages for their programs only: no service is started, none is enabled for the next boot, and
# PostgreSQL makes no cluster. What this needs to change for the time of the installation is put back afterwards,
# also when the installation fails or whoever started this is gone.
#
#   apt-install.sh install OPTION... PACKAGE...   (apt-get install's own)
#   apt-install.sh undo                           after a kill -9 of this script
set -u

policy=/usr/sbin/policy-rc.d
policy_is_ours=/usr/sbin/policy-rc.d.download-service
cluster_conf=/etc/postgresql-common/createcluster.conf
cluster_conf_before=$cluster_conf.before-download-service
mode=$1
shift

# dpkg must not be interrupted half way; children inherit that a signal is ignored.
trap '' HUP INT TERM

# Two checkouts may install at once. The lock ends with this process, however it ends; `-o` keeps it from children.
exec 9>/run/lock/download-service-apt
flock 9

put_back() {
  if [ -e "$cluster_conf_before" ]; then mv -f "$cluster_conf_before" "$cluster_conf"; fi
  # The marker is older than the policy and goes last, so that a policy of ours is never taken for another's.
  if [ -e "$policy_is_ours" ]; then rm -f "$policy" "$policy_is_ours"; fi
}

put_back
if [ "$mode" = undo ]; then exit 0; fi

# An existing policy is the administrator's (a container image usually brings one that denies everything).
if [ ! -e "$policy" ]; then
  : >"$policy_is_ours"
  printf '#!/bin/sh\n# For the time of an installation by download-service: start nothing.\nexit 101\n' >"$policy.new"
  chmod 755 "$policy.new"
  mv "$policy.new" "$policy"
fi

units_before=$(ls /lib/systemd/system /etc/init.d 2>/dev/null)

install() {
  apt-get install "$@" 9>&-
}

code=0
for argument in "$@"; do
  case $argument in
    postgresql*)
      # Brings createcluster.conf and makes no cluster itself; the server package then reads it.
      install -y --no-install-recommends -o DPkg::Lock::Timeout=300 postgresql-common || code=$?
      if [ $code -eq 0 ] && [ ! -e "$cluster_conf_before" ]; then
        cp -p "$cluster_conf" "$cluster_conf.copy" && mv "$cluster_conf.copy" "$cluster_conf_before"
        printf '\ncreate_main_cluster = false\n' >>"$cluster_conf"
      fi
      ;;
  esac
done

if [ $code -eq 0 ]; then install "$@" || code=$?; fi

# What came new is not to run after the next boot either.
for unit in redis-server nginx postgresql; do
  case $units_before in
    *"$unit"*) ;;
    *)
      if [ -e "/etc/init.d/$unit" ]; then
        update-rc.d "$unit" disable >/dev/null 2>&1 9>&-
        # The administrator's own policy may have let it start.
        if [ ! -e "$policy_is_ours" ]; then invoke-rc.d "$unit" stop >/dev/null 2>&1 9>&-; fi
      fi
      ;;
  esac
done

put_back
exit $code
