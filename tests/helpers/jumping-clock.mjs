/**
 * Loaded into a broker before its own code (`node --import`): the clock is as far off as the file says, in ms, and may
 * jump at any time, as a machine's does when it wakes, is set by hand or asks a time server.
 */
import { readFileSync } from 'node:fs';

const real = Date.now;
Date.now = () => real() + Number(readFileSync(process.env['JUMPING_CLOCK'] ?? '', 'utf8'));
