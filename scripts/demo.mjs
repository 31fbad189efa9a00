/**
 * The main job in a minute: two agents find each other and talk while the broker is killed under them.
 *
 *     npm run demo
 *
 * Real broker, real session servers, a throwaway home. What stands behind ">" was really said; the exit code is 0 only
 * if every message arrived exactly once.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import picocolors from 'picocolors';
import { findRuntimes, ROOT, Sandbox } from './lib/sandbox.mjs';

const NOTES = 24;
/** Calls of alpha's under way at any time: when the broker dies, it dies with these unanswered. */
const AT_ONCE = 4;
const GIVE_UP_MS = 20_000;
/** The broker dies after this many answers. */
const KILL_AFTER = [6, 14];

const dist = join(ROOT, 'dist');
if (!existsSync(join(dist, 'broker.js')))
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { stdio: 'inherit' });

// by itself the library also colours what a CI job writes into a file
const pc = picocolors.createColors(process.stdout.isTTY === true && picocolors.isColorSupported);

const alphaColour = pc.magenta;
const bravoColour = pc.cyan;

/** @param {string} text */
const story = (text) => console.log(`\n${pc.bold(text)}`);
/**
 * @param {string} who
 * @param {string} text
 * @param {(name: string) => string} [colour]
 */
const line = (who, text, colour = String) => console.log(`  ${colour(who.padEnd(8))}${text}`);
/** @param {string} text */
const quoted = (text) =>
  text
    .split('\n')
    .filter((part) => part.trim() !== '')
    .map((part) => `          ${pc.dim(part.length > 110 ? `${part.slice(0, 109)}…` : part)}`)
    .join('\n');

const box = await Sandbox.create(dist, { AGENT_PEERS_RATE_PER_MINUTE: '0' });
process.once('SIGINT', () => void box.close().finally(() => process.exit(130)));
try {
  const { node } = findRuntimes(dist);
  story('1. Two sessions start; the first one finds no broker and starts it.');
  const alpha = await box.session(node, 'claude', { name: 'alpha' });
  const bravo = await box.session(node, 'codex', { name: 'bravo', env: { AGENT_PEERS_PUSH: 'none' } });
  await bravo.tool('set_summary', { summary: 'Payment API, branch feat/refunds' });
  /** @type {string[]} */
  const events = [];
  alpha.onNotification(({ method, params }) => {
    if (method === 'notifications/claude/channel') events.push(params.content);
  });
  console.log(quoted(await alpha.tool('list_peers')));

  story('2. alpha (Claude Code) asks; bravo (Codex) gets it under its next tool result, and answers.');
  const question = 'Which field holds the refund reason?';
  const receipt = await alpha.tool('send_message', { to_id: 'bravo', message: question, intent: 'request' });
  line('alpha', `send_message → ${receipt}`, alphaColour);
  const id = receipt.slice(0, receipt.indexOf(':'));
  const seen = await bravo.tool('check_messages');
  console.log(quoted(seen.slice(seen.indexOf('[PEER INBOX]'))));
  const answer = await bravo.tool('send_message', {
    to_id: 'alpha',
    message: 'refund.reason_code, since v3',
    reply_to: id,
  });
  line('bravo', `send_message → ${answer}`, bravoColour);
  line('alpha', `was pushed > ${events.at(-1)}`, alphaColour);
  const [status] = (await alpha.tool('message_status', { message_id: id })).split('\n');
  line('alpha', `message_status → ${status}`, alphaColour);

  story(`3. alpha sends ${NOTES} notes; the broker is killed twice while they are under way.`);
  /** @type {string[]} */
  const arrived = [];
  const read = async () => {
    const text = await bravo.tool('check_messages');
    for (const [, note] of text.matchAll(/^> (note \d+)$/gm)) arrived.push(note ?? '');
  };
  let asked = 0;
  let answered = 0;
  const sender = async () => {
    while (asked < NOTES) {
      asked += 1;
      await alpha.tool('send_message', { to_id: 'bravo', message: `note ${asked}` });
      answered += 1;
      if (KILL_AFTER.includes(answered)) await kill();
    }
  };
  const kill = async () => {
    const pid = await box.brokerPid();
    process.kill(pid, 'SIGKILL');
    line(
      'kill -9',
      `broker ${pid}: ${answered} notes acknowledged, ${asked - answered} under way, ${arrived.length} read`,
      pc.red,
    );
  };
  const sending = Promise.all(Array.from({ length: AT_ONCE }, sender));
  let sent = false;
  void sending.finally(() => {
    sent = true;
  });
  while (!sent) {
    await read();
    await delay(50);
  }
  await sending;
  const end = performance.now() + GIVE_UP_MS;
  while (arrived.length < NOTES && performance.now() < end) {
    await read();
    await delay(50);
  }
  await read();

  const twice = arrived.length - new Set(arrived).size;
  const lost = NOTES - new Set(arrived).size;
  const verdict = `${NOTES} notes sent, ${new Set(arrived).size} arrived, ${lost} lost, ${twice} twice`;
  story(lost === 0 && twice === 0 ? pc.green(`✓ ${verdict}`) : pc.red(`✗ ${verdict}`));
  const { counts } = await box.client.call('brokerStatus', {});
  line(
    'broker',
    `${counts.sessions} sessions attached, ${counts.confirmed} messages confirmed, ${counts.orphaned} orphaned`,
  );
  console.log(`\nNext: ${pc.bold('node dist/cli.js install')}, or see README.md.`);
  if (lost !== 0 || twice !== 0) process.exitCode = 1;
} finally {
  await box.close();
}
