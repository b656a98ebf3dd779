#!/bin/sh
# Gives a user of RabbitMQ the rights of a branch, whose gymId it is called, or of the hub.
#   rabbitmqctl add_user hk-central && sh rights.sh hk-central
set -eu
user=${1:?usage: rights.sh GYM_ID|hub}
quoted=$(printf %s "$user" | sed 's/[.\\]/\\&/g')
rabbitmqctl set_permissions -p / "$user" '^mqtt-subscription-.*$' '^(amq\.topic|mqtt-subscription-.*)$' \
  '^(amq\.topic|mqtt-subscription-.*)$'
if [ "$user" = hub ]; then
  write='^gyms\.[^.]+\.request$' read='^gyms\..*$'
else
  write="^gyms\\.$quoted\\.(branch|summary|bins|gateway|digest\\.[^.]+)\$"
  read="^gyms\\.($quoted\\.request|[^.]+\\.(branch|summary|gateway))\$"
fi
rabbitmqctl set_topic_permissions -p / "$user" amq.topic "$write" "$read"
