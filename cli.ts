#!/usr/bin/env node
/** The `agent-peers` command. Only this file touches the process; what it does is in cli/. */
import { setTimeout } from 'node:timers/promises';
import { run } from './cli/program.ts';
import { brokerEntryBeside } from './shared/start-broker.ts';

const { stdout, stderr, env } = process;
// a closed pipe is reported to whoever wrote; without a listener it would also end the process with a stack trace
stdout.on('error', () => {});
stderr.on('error', () => {});

process.exitCode = await run(process.argv.slice(2), {
  stdout,
  stderr,
  get stdin() {
    return process.stdin;
  },
  env,
  cwd: () => process.cwd(),
  isTTY: stdout.isTTY === true,
  columns: stdout.isTTY ? stdout.columns : undefined,
  now: Date.now,
  sleep: setTimeout,
  brokerEntry: brokerEntryBeside(import.meta.url),
  runtime: {
    name: process.versions['bun'] ? 'bun' : 'node',
    version: process.versions['bun'] ?? process.versions.node,
    path: process.execPath,
  },
  platform: process.platform,
  get terminal() {
    return stdout.isTTY && process.stdin.isTTY ? { input: process.stdin, output: stdout } : undefined;
  },
});
