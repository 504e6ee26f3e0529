// graphile-worker with its local queue, completions in batches: peer_graphile.js URL drain SIZE

const { run, makeWorkerUtils, Logger } = require("graphile-worker");
const { Client } = require("pg");
const { readFileSync } = require("fs");
const { join } = require("path");
const { createInterface } = require("readline");

const [, , url, what, words] = process.argv;
const size = Number(words);
const silent = new Logger(() => () => {});
const SLICE = 1000;
// the settings with which it was fastest on such a machine
const WORKER = { concurrentJobs: 24, maxPoolSize: 10, pollInterval: 2000, localQueue: { size: 500 } };
const BATCHED = { completeJobBatchDelay: 0, failJobBatchDelay: 0 };

const seconds = () => Number(process.hrtime.bigint()) / 1e9; // CLOCK_MONOTONIC, as Python's
const say = (word, values = {}) => process.stdout.write(`${word} ${JSON.stringify(values)}\n`);
const cpu = (since) => {
  const used = process.cpuUsage(since);
  return (used.user + used.system) / 1e6;
};

async function put() {
  const utils = await makeWorkerUtils({ connectionString: url, logger: silent });
  await utils.migrate();
  for (let done = 0; done < size; done += SLICE) {
    const few = Math.min(SLICE, size - done);
    await utils.addJobs(Array.from({ length: few }, () => ({ identifier: "noop", payload: {} })));
  }
  await utils.release();
}

async function drain() {
  await put();
  const watcher = new Client({ connectionString: url });
  await watcher.connect();
  await watcher.query("vacuum analyze");
  const left = "select exists (select 1 from graphile_worker._private_jobs) as any";
  let handled = 0;
  say("ready");
  await new Promise((go) => createInterface({ input: process.stdin }).once("line", go));
  const used = process.cpuUsage();
  const preset = { worker: { connectionString: url, ...WORKER, ...BATCHED } };
  const taskList = { noop: async () => { handled += 1; } };
  await run({ preset, logger: silent, taskList, noHandleSignals: true });
  while (handled < size || (await watcher.query(left)).rows[0].any) await new Promise((later) => setTimeout(later, 5));
  const about = join(process.env.NODE_PATH, "graphile-worker", "package.json");
  const { version } = JSON.parse(readFileSync(about, "utf8"));
  say("done", { items: handled, ended: seconds(), cpu: cpu(used), version: `graphile-worker ${version}, local queue` });
  process.exit(0);
}

if (what !== "drain") throw new Error(`graphile-worker is measured in drain, not in ${what}`);
drain();
