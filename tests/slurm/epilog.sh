# Kill the processes that a job leaves, as cgroups do on a real node. proctrack/linuxproc misses processes whose parents
# have ended. An example is a Snakemake that receives two SIGTERM at once: it waits for its own lock for ever.
[ -z "$SLURM_JOB_ID" ] || exec env -i "PATH=$PATH" sh "$0" "$SLURM_JOB_ID" "$SLURMD_NODENAME"
left() {
  for process in /proc/[0-9]*; do
    marks=$(grep -zcx -e "SLURM_JOB_ID=$1" -e "SLURMD_NODENAME=$2" "$process/environ" 2> /dev/null)
    [ "$marks" = 2 ] && echo "${process#/proc/}"
  done
}
for second in $(seq "$patience"); do
  [ -n "$(left "$@")" ] || exit 0
  sleep 1
done
left "$@" | xargs --no-run-if-empty kill -9
exit 0  # otherwise the node would be drained
