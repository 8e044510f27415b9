#!/usr/bin/env bash
# A real Kafka (KRaft) and a schema registry with the Confluent API, for as long as standard input stays open.
#
#   kafka.sh serve DIR PORT [BROKERS [secured]]
#                                       brokers on 127.0.0.1:PORT, PORT+2, ... (PORT+1, PORT+3, ... are the controllers');
#                                       everything lives in DIR, which is removed at the end
#
# secured: one broker, which denies whatever no ACL allows. PORT stays plain, and whoever comes there may do everything.
# Besides it listens on PORT+2 for SASL_SSL (PLAIN and SCRAM-SHA-512), on PORT+3 for TLS with client certificates, and on
# PORT+4 for TLS with a certificate of its own that has expired. DIR/secrets holds ca.pem, client.pem, client.key (its
# password: key-secret) and other-ca.pem, who signed nothing. Certificates are for 127.0.0.1, not for localhost; the
# client's principal is User:CN=tillgate. Users of PLAIN are u00 to u149, with passwords secret-u00 to secret-u149; the user
# of SCRAM is scram, with the password scram-secret.
#
#   kafka.sh secrets DIR                certificates and keys of the same kind, in DIR
#
# On standard output: `brokers HOST:PORT,...` once they are launched (not yet answering), and an answer to each line read:
#   kill I          kill -9 broker I (1, 2, ...)        -> killed I
#   start I         start it again on its data          -> started I
#   keep            do not remove DIR at the end    -> kept
#   registry PORT   a schema registry, in memory        -> registry URL (launched, not yet answering)
# At the end of the input, however it came about, all of them are killed: whoever holds the pipe need not tidy up.
# By hand: run it in a terminal, end it with Ctrl-D.
#
# Java 17 or newer and Maven are used where both are there (jars are kept in TILLGATE_TEST_CACHE), else docker.
# Exit status 3: neither can be had on this machine; the reason is on standard error.
set -euo pipefail

kafka_version=4.2.0
registry_version=2.6.13.Final
here=$(cd "$(dirname "$0")" && pwd)
cache=${TILLGATE_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tillgate-test}
heap=${TILLGATE_TEST_KAFKA_HEAP:-768m}
# What a test starts lives for a minute: compiled quickly it answers sooner and starts at half the CPU. Benchmarks set "".
quick=${TILLGATE_TEST_KAFKA_JAVA--XX:TieredStopAtLevel=1}

unavailable() { echo "kafka.sh: $*" >&2; exit 3; }

java_major() { java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1; }

# fetch FOLDER COMMAND...: runs COMMAND with FOLDER.PID appended, then gives the result its name in one step, so that a
# broken download or a second test run at the same time never leaves half a folder.
fetch() {
  local folder=$1 fresh=$1.$$
  shift
  [ -d "$folder" ] && return
  rm -rf "$fresh" && mkdir -p "$fresh"
  "$@" "$fresh" </dev/null >&2 || { rm -rf "$fresh"; return 1; }
  [ -d "$folder" ] || mv "$fresh" "$folder"
  rm -rf "$fresh"
}

broker_jars() { mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$1"; }

registry_jars() {
  mvn -q -B -Dstyle.color=never dependency:copy -DoutputDirectory="$1" \
    -Dartifact="io.apicurio:apicurio-registry-app:$registry_version:tar.gz:all"
  tar xzf "$1"/*.tar.gz -C "$1"
  rm "$1"/*.tar.gz
}

choose_runtime() {
  local major
  if command -v java >/dev/null && command -v mvn >/dev/null; then
    major=$(java_major)
    if [ "${major:-0}" -ge 17 ]; then
      fetch "$cache/kafka-$kafka_version" broker_jars && { runtime=java; return; }
      echo "kafka.sh: Maven could not fetch Kafka $kafka_version" >&2
    else
      echo "kafka.sh: java is version ${major:-unknown}; Kafka $kafka_version needs 17" >&2
    fi
  else
    echo "kafka.sh: java and mvn are not both on the PATH" >&2
  fi
  docker info >/dev/null 2>&1 || unavailable "nor does docker answer: install java 17 and maven, or start docker"
  runtime=docker
}

# kafka_java NAME ARGS...: Kafka's classes under java, as the process (or the container) NAME of this run.
kafka_java() {
  local name=$1
  shift
  # shellcheck disable=SC2206
  local options=($quick -Xmx"$heap" -XX:+UseSerialGC -XX:-UsePerfData -Djava.io.tmpdir="$dir" "-Dlog4j2.configurationFile=$dir/log4j2.yaml")
  if [ "$runtime" = java ]; then
    exec java "${options[@]}" -cp "$cache/kafka-$kafka_version/*" "$@"
  else
    exec docker run --rm --name "$(container "$name")" --network host --user "$(id -u):$(id -g)" --volume "$dir:$dir" \
      --entrypoint java "apache/kafka:$kafka_version" "${options[@]}" -cp '/opt/kafka/libs/*' "$@"
  fi
}

container() { echo "tillgate-test-$$-$1"; }

launch() { # NAME COMMAND...
  local name=$1
  shift
  ("$@") </dev/null >>"$dir/$name.log" 2>&1 &
  echo $! >"$dir/$name.pid"
}

end() { # NAME
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 0
  [ "$runtime" = java ] || docker rm --force "$(container "$1")" >/dev/null 2>&1 || true
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm "$dir/$1.pid"
}

end_all() {
  local file
  for file in "$dir"/*.pid; do
    file=${file##*/}
    end "${file%.pid}"
  done
  [ "$kept" = yes ] || rm -rf "$dir"
}

# Kafka's ids are 16 bytes in base64 of the URL alphabet; the tools take a leading dash for an option.
random_id() {
  local id=-
  while [ "${id#-}" != "$id" ]; do id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '='); done
  echo "$id"
}

write_settings() { # I
  local listener=$((port + 2 * ($1 - 1)))
  cat >"$dir/$1.properties" <<P
process.roles=broker,controller
node.id=$1
controller.quorum.bootstrap.servers=$quorum
listeners=PLAINTEXT://127.0.0.1:$listener,CONTROLLER://127.0.0.1:$((listener + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$listener,CONTROLLER://127.0.0.1:$((listener + 1))
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/data-$1
# a topic exists because a test made it
auto.create.topics.enable=false
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
# take-over within seconds: a killed broker may register again once its last session has run out, nobody waits for
# members to come, sessions are short, and timed-out transactions are looked for every second
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
P
  [ "$secured" = no ] || secure "$1"
}

# Adds the listeners of a secured broker; a later line of a setting is the one that counts.
secure() { # I
  local sasl=127.0.0.1:$((port + 2)) tls=127.0.0.1:$((port + 3)) expired=127.0.0.1:$((port + 4)) user users=""
  local all="PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1)),SASL://$sasl,TLS://$tls,EXPIRED://$expired"
  for user in u{0..9}{0..9} u1{0..4}{0..9}; do users+=" user_$user=\"secret-$user\""; done
  cat >>"$dir/$1.properties" <<P
listeners=$all
advertised.listeners=$all
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,TLS:SSL,EXPIRED:SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
ssl.keystore.type=PEM
ssl.keystore.location=$secrets/server.both.pem
ssl.truststore.type=PEM
ssl.truststore.location=$secrets/ca.pem
listener.name.tls.ssl.client.auth=required
listener.name.expired.ssl.keystore.location=$secrets/expired.both.pem
listener.name.expired.ssl.keystore.type=PEM
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required$users;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
P
}

# certificate NAME SUBJECT EXTENSIONS DAYS...: NAME.key and NAME.pem, signed by the authority.
certificate() {
  local name=$1 subject=$2 extensions=$3
  shift 3
  openssl req -newkey rsa:2048 -nodes -keyout "$name.key" -out "$name.csr" -subj "$subject"
  openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -out "$name.pem" "$@" \
    -extfile <(echo "$extensions")
}

make_secrets() {
  command -v openssl >/dev/null || unavailable "openssl is not on the PATH: certificates are made with it"
  mkdir -p "$secrets"
  (
    cd "$secrets"
    for name in ca other-ca; do
      openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.pem -days 30 -subj "/CN=$name"
    done
    certificate server /CN=broker subjectAltName=IP:127.0.0.1 -days 30
    certificate expired /CN=broker subjectAltName=IP:127.0.0.1 -days 0
    certificate client /CN=tillgate extendedKeyUsage=clientAuth -days 30
    for name in server expired; do cat $name.key $name.pem >$name.both.pem; done
    openssl rsa -in client.key -aes256 -passout pass:key-secret -out client.locked && mv client.locked client.key
  ) </dev/null >"$secrets/log" 2>&1 || { cat "$secrets/log" >&2; exit 1; }
}

prepare() { # BROKERS
  local i listener cluster formatting=() scram=() bootstrap="" initial=""
  replicas=$(($1 >= 3 ? 3 : 1))
  in_sync=$(($1 >= 3 ? 2 : 1))
  quorum=""
  for i in $(seq "$1"); do
    listener=$((port + 2 * (i - 1)))
    bootstrap+="${bootstrap:+,}127.0.0.1:$listener"
    quorum+="${quorum:+,}127.0.0.1:$((listener + 1))"
    initial+="${initial:+,}$i@127.0.0.1:$((listener + 1)):$(random_id)"
  done
  cat >"$dir/log4j2.yaml" <<'L'
Configuration:
  Appenders:
    Console: {name: out, PatternLayout: {pattern: "%d %p %m (%c)%n%throwable"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: out}]}
L
  if [ "$secured" = yes ]; then
    make_secrets
    scram=(--add-scram "SCRAM-SHA-512=[name=scram,password=scram-secret]")
  fi
  cluster=$(random_id)
  for i in $(seq "$1"); do
    write_settings "$i"
    (kafka_java "format-$i" kafka.tools.StorageTool format --cluster-id "$cluster" --initial-controllers "$initial" \
      "${scram[@]}" --config "$dir/$i.properties") </dev/null >"$dir/format-$i.log" 2>&1 &
    formatting+=($!)
  done
  for i in "${formatting[@]}"; do
    wait "$i" || { cat "$dir"/format-*.log >&2; exit 1; }
  done
  for i in $(seq "$1"); do launch "$i" kafka_java "$i" kafka.Kafka "$dir/$i.properties"; done
  echo "brokers $bootstrap"
}

registry_java() {
  # shellcheck disable=SC2086
  exec java $quick -Xmx384m -XX:+UseSerialGC -XX:-UsePerfData -Djava.io.tmpdir="$dir" \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$1" -jar "$cache/registry-$registry_version"/apicurio-registry-app-*-runner.jar
}

registry_docker() {
  exec docker run --rm --name "$(container registry)" --network host \
    --env QUARKUS_HTTP_HOST=127.0.0.1 --env QUARKUS_HTTP_PORT="$1" "apicurio/apicurio-registry-mem:$registry_version"
}

registry() { # PORT
  if [ "$runtime" = java ]; then
    fetch "$cache/registry-$registry_version" registry_jars || unavailable "Maven could not fetch the schema registry $registry_version"
  fi
  launch registry "registry_$runtime" "$1"
  echo "registry http://127.0.0.1:$1/apis/ccompat/v7"
}

serve() { # DIR PORT BROKERS SECURED
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  port=$2
  secured=$4
  secrets=$dir/secrets
  runtime=none
  kept=no
  trap end_all EXIT
  choose_runtime
  [ "$3" -eq 0 ] || prepare "$3"
  local verb argument
  while read -r verb argument; do
    case $verb in
    kill) end "$argument"; echo "killed $argument" ;;
    start) launch "$argument" kafka_java "$argument" kafka.Kafka "$dir/$argument.properties"; echo "started $argument" ;;
    keep) kept=yes; echo kept ;;
    registry) registry "$argument" ;;
    *) echo "kafka.sh: unknown line '$verb': kill I, start I, keep or registry PORT" >&2 ;;
    esac
  done
}

if [ "${1:-}" = serve ] && [ $# -ge 3 ] && [ $# -le 4 ]; then
  serve "$2" "$3" "${4:-1}" no
elif [ "${1:-}" = serve ] && [ $# -eq 5 ] && [ "$4 $5" = "1 secured" ]; then
  serve "$2" "$3" 1 yes
elif [ "${1:-}" = secrets ] && [ $# -eq 2 ]; then
  secrets=$2
  make_secrets
else
  sed -n '2,/^set /{/^#/p}' "$0" | cut -c3- >&2
  exit 2
fi
