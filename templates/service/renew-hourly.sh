#!/bin/sh
# For cron, which knows no random delay: a fleet that booted together must not come together.
(
  sleep "$(($(od -An -N2 -tu2 /dev/urandom | tr -d ' \n') % 2700))"
  JOINERY_HOOKS=later @AGENT@ node renew --directory @NODE_DIR@ --if-due || :
  @NODE_DIR@/bin/join-agent trust --directory @NODE_DIR@ || :
  exec @NODE_DIR@/bin/join-agent reload --directory @NODE_DIR@
) </dev/null >/dev/null 2>&1 &
