/** Runs programs for the tests of the package: in homes of their own, and without a network where the system lets us. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';

const exec = promisify(execFile);
const OUTPUT_MAX_BYTES = 16 * 1024 * 1024;

export type Env = Readonly<Record<string, string>>;

/** A folder that is gone when the test is over. */
export function scratch(name: string, { onTestFinished }: Pick<TestContext, 'onTestFinished'>): string {
  const path = mkdtempSync(join(tmpdir(), `agent-peers-${name}-`));
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** @throws with all that the program printed, where it fails */
export async function run(command: string, args: readonly string[], cwd: string, env: Env): Promise<string> {
  try {
    const { stdout } = await exec(command, [...args], { cwd, env, maxBuffer: OUTPUT_MAX_BYTES });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}

/** How a registry is reached from here: a company's proxy, and whom it is signed by. */
const OF_THE_NETWORK = /^(?:(?:https?|all|no)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|npm_config_registry)$/i;

/** What an installer needs to reach a registry as this user does, and nothing else of the user's. */
export function npmEnv(home: string, path: string): Env {
  const own = process.env;
  const network = Object.entries(own).flatMap(([name, value]) =>
    OF_THE_NETWORK.test(name) && value !== undefined ? [[name, value] as const] : [],
  );
  return {
    ...Object.fromEntries(network),
    HOME: home,
    PATH: path,
    npm_config_userconfig: own['npm_config_userconfig'] ?? join(homedir(), '.npmrc'),
    npm_config_cache: own['npm_config_cache'] ?? join(homedir(), '.npm'),
  };
}

const LOOPBACK_ONLY = ['unshare', '-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/** A command in front of another that leaves it nothing but loopback; empty where the system has no such thing. */
export function withoutNetwork(): readonly string[] {
  const [command = '', ...args] = LOOPBACK_ONLY;
  return spawnSync(command, [...args, 'true']).status === 0 ? LOOPBACK_ONLY : [];
}
