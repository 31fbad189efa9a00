#!/usr/bin/env node
/** Entry: the broker, one per user and machine. Sessions start it; see docs/design.md. */
import { runCheck } from './broker/check.ts';
import { runBroker } from './broker/main.ts';

const [flag, path] = process.argv.slice(2);
process.exitCode = flag === '--check' && path !== undefined ? await runCheck(path) : await runBroker(process.env);
