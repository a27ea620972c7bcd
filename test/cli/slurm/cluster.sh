#!/usr/bin/env bash
# A Slurm cluster of this one machine, for tests: cluster.sh start FOLDER, cluster.sh stop FOLDER. Needs root and the
# packages slurm-wlm and munge. All its files are below FOLDER, and its ports are not Slurm's own, so a cluster that this
# machine belongs to is left alone. Clients find it by SLURM_CONF=FOLDER/slurm.conf.
set -euo pipefail
folder=$(realpath -m "$2")

start() {
  mkdir -p "$folder"/{munge,state,spool}
  chmod 711 "$folder"
  host=$(hostname -s)
  base=$((20000 + RANDOM % 20000))
  # munged runs as its own user and reads a key that nobody else may read.
  dd if=/dev/urandom of="$folder/munge/key" bs=64 count=1 2>/dev/null
  chmod 400 "$folder/munge/key"
  chown -R munge: "$folder/munge"
  runuser -u munge -- munged --force --key-file "$folder/munge/key" --socket "$folder/munge/socket" \
    --pid-file "$folder/munge/pid" --log-file "$folder/munge/log" --seed-file "$folder/munge/seed"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=comet-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmdPort=$((base + 1))
AuthType=auth/munge
# A requeued task waits until its old credential has expired.
AuthInfo=socket=$folder/munge/socket,cred_expire=10
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
KillWait=30
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(awk '/MemTotal/ { print $2 }' /proc/meminfo) / 1024 - 256))
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  export SLURM_CONF="$folder/slurm.conf"
  slurmctld -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  for _ in $(seq 100); do
    [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && return
    sleep 0.3
  done
  echo "cluster.sh: the node did not become idle" >&2
  tail -5 "$folder"/slurm*.log >&2
  exit 1
}

stop() {
  for name in slurmd slurmctld munge/pid; do
    file="$folder/${name%.pid}"
    [ "$name" = munge/pid ] || file="$folder/$name.pid"
    if [ -s "$file" ]; then
      pid=$(cat "$file")
      kill "$pid" 2>/dev/null || true
      for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    fi
  done
  rm -rf "$folder"
}

case $1 in
  start) start ;;
  stop) stop ;;
esac
