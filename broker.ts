#!/usr/bin/env node
/** Entry: the broker, one per user and machine. Sessions start it; see docs/design.md. */
import { runBroker } from './broker/main.ts';

process.exitCode = await runBroker(process.env);
