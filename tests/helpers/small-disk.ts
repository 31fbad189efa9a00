/** Places that run full: a real file system of four megabytes where the test may mount one, a limit on file size anywhere. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretPath } from '../../shared/secret.ts';
import { RUNTIMES, type Sandbox } from './sandbox.ts';

export interface SmallDisk {
  /** Starts a broker whose database is here. */
  startBroker(): ChildProcess;
  /** Makes room; true where a running broker can use it. */
  makeRoom(): boolean;
  end(): void;
}

const DISK_BYTES = 4 * 1024 * 1024;
const FILLER_BYTES = 256 * 1024;
const PAGE_BYTES = 64 * 1024;
const SYSTEM = { mount: 'mount', unmount: 'umount' };
/** In blocks of 512 bytes, as POSIX has it. */
const FILE_LIMIT_BLOCKS = 6_000;

/** Needs the right to mount. @throws where the test has none */
function mountedDisk(box: Sandbox): SmallDisk {
  const folder = join(box.home, 'disk');
  mkdirSync(folder);
  mount(folder, DISK_BYTES);
  const filler = join(folder, 'filler');
  writeFileSync(filler, Buffer.alloc(FILLER_BYTES));
  box.env['AGENT_PEERS_DB'] = join(folder, 'peers.db');
  return {
    startBroker: () => box.spawn('broker'),
    makeRoom: () => {
      rmSync(filler);
      return true;
    },
    end: () => unmount(folder),
  };
}

/** The broker may write no file longer than this; the system answers as for a quota that is used up. */
function limitedFiles(box: Sandbox): SmallDisk {
  const { command, entry } = RUNTIMES.node;
  let limited = true;
  return {
    startBroker: () =>
      limited
        ? box.run('sh', ['-c', `ulimit -f ${FILE_LIMIT_BLOCKS} && exec "$0" "$1"`, command, entry('broker')])
        : box.spawn('broker'),
    makeRoom: () => {
      limited = false;
      return false;
    },
    end: () => {},
  };
}

function mount(folder: string, bytes: number, more = ''): void {
  const options = `size=${bytes},mode=0700${more}`;
  execFileSync(SYSTEM.mount, ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
}

/** A file system that takes no further file: its AGENT_PEERS_HOME holds a secret, and that is all there is room for. */
function fullHome(box: Sandbox): { end(): void } {
  const { home } = box.location;
  mkdirSync(home, { recursive: true });
  mount(home, PAGE_BYTES, ',nr_inodes=2');
  writeFileSync(secretPath(home), `${'5a'.repeat(32)}\n`, { mode: 0o600 });
  return { end: () => unmount(home) };
}

/** At once, though a broker has files open there. */
function unmount(folder: string): void {
  execFileSync(SYSTEM.unmount, ['-l', folder], { stdio: 'ignore' });
}

function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'agent-peers-disk-'));
  try {
    mount(folder, PAGE_BYTES);
    unmount(folder);
    return true;
  } catch {
    return false; // not root, or root without that right
  } finally {
    rmdirSync(folder);
  }
}

const MAY_MOUNT = mayMount();

export const SMALL_DISKS: [string, (box: Sandbox) => SmallDisk][] = [
  ['a limit on file size', limitedFiles],
  ...(MAY_MOUNT ? ([['a file system of 4 MB', mountedDisk]] as [string, typeof mountedDisk][]) : []),
];

export const FULL_HOMES: [string, typeof fullHome][] = MAY_MOUNT ? [['a file system that is full', fullHome]] : [];
