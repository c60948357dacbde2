#!/bin/sh
# joinery enable-agent: lets the first of systemd, OpenRC and cron that this node has join and renew; runs once, at the end of the first boot.
#
# exit status: 0  a service joins, or (where no service manager is) the node has joined
#              73 a file of a service cannot be written
#              or that of the join
set -eu
umask 077

say() {
  printf 'joinery enable-agent: %s\n' "$1" >&2
}

# $1 file of the package, $2 where it belongs, $3 mode. In one step: a service manager may read it at any time.
place() {
  if cp "@NODE_DIR@/service/$1" "$2.new" && chmod "$3" "$2.new" && mv -f "$2.new" "$2"; then return 0; fi
  say "$2: expected to write it, found that it cannot be written"
  exit 73
}

by_systemd() {
  for unit in @SERVICE@.service @SERVICE@-renew.service @SERVICE@-renew.timer; do
    place "$unit" "/etc/systemd/system/$unit" 0644
  done
  systemctl daemon-reload
  # Without --no-block a unit that cloud-init starts would wait for cloud-init, which waits for it.
  systemctl --no-block enable --now @SERVICE@.service @SERVICE@-renew.timer
}

by_cron() {
  if [ -d /etc/periodic/hourly ]; then
    place renew-hourly /etc/periodic/hourly/@SERVICE@-renew 0755
  elif [ -d /etc/cron.hourly ]; then
    place renew-hourly /etc/cron.hourly/@SERVICE@-renew 0755
  else
    say 'nothing renews by itself on this node: no systemd, no cron'
  fi
}

if [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
  by_systemd
elif [ -x /sbin/openrc-run ]; then
  by_cron
  place @SERVICE@.initd /etc/init.d/@SERVICE@ 0755
  rc-update add @SERVICE@ default
  rc-service @SERVICE@ start
else
  by_cron
  JOINERY_DEADLINE=120
  export JOINERY_DEADLINE
  exec @AGENT@ node join --directory @NODE_DIR@
fi
