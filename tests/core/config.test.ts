/** Where everything is unless told otherwise, and what settings that cannot be understood say. */
import { describe, expect, it } from 'vitest';
import { readBrokerConfig, readLocation } from '../../shared/config.ts';
import { PeersError } from '../../shared/errors.ts';

/** What claude-peers takes for itself. */
const CLAUDE_PEERS = { port: 7899, db: '/home/ann/.claude-peers.db' };

function failure(env: Record<string, string>): PeersError {
  try {
    readBrokerConfig({ HOME: '/home/ann', ...env });
  } catch (error) {
    if (error instanceof PeersError) return error;
    throw error;
  }
  throw new Error('it was understood');
}

describe('without settings', () => {
  it('the broker is on port 7900, with its files in the home of the user', () => {
    expect(readLocation({ HOME: '/home/ann' })).toEqual({
      port: 7900,
      home: '/home/ann/.agent-peers',
      db: '/home/ann/.agent-peers.db',
    });
  });

  it('nothing is shared with claude-peers: not the port, not a file', () => {
    const own = readLocation({ HOME: '/home/ann' });
    expect(own.port).not.toBe(CLAUDE_PEERS.port);
    expect([own.home, own.db]).not.toContain(CLAUDE_PEERS.db);
  });
});

describe('settings', () => {
  it('move everything, also to a folder of the home', () => {
    const env = {
      HOME: '/home/ann',
      AGENT_PEERS_PORT: ' 8123 ',
      AGENT_PEERS_HOME: '/srv/peers',
      AGENT_PEERS_DB: '/srv/p.db',
    };
    expect(readLocation(env)).toEqual({ port: 8123, home: '/srv/peers', db: '/srv/p.db' });
  });

  it.each([
    ['AGENT_PEERS_PORT', '0'],
    ['AGENT_PEERS_PORT', '70000'],
    ['AGENT_PEERS_PORT', 'seven'],
    ['AGENT_PEERS_RATE_PER_MINUTE', '-1'],
    ['AGENT_PEERS_HISTORY_DAYS', '1.5'],
    ['AGENT_PEERS_LOG_LEVEL', 'loud'],
  ])('%s=%s is refused by its name, with what to do', (name, value) => {
    const { code, message, hint } = failure({ [name]: value });
    expect(code).toBe('invalid_config');
    expect(message).toContain(`${name} is "${value}"`);
    expect(hint).not.toBe('');
  });
});
