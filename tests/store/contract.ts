/** What the broker relies on from any store, on whatever database: the promises of broker/store/store.ts. */
import { confirming } from './contract/confirming.ts';
import { events } from './contract/events.ts';
import { fencing } from './contract/fencing.ts';
import { identity } from './contract/identity.ts';
import { idleWatches } from './contract/idle-watches.ts';
import { instances } from './contract/instances.ts';
import { leasing } from './contract/leasing.ts';
import { operator } from './contract/operator.ts';
import { orphans } from './contract/orphans.ts';
import { peers } from './contract/peers.ts';
import { persons } from './contract/persons.ts';
import { recipients } from './contract/recipients.ts';
import { retention } from './contract/retention.ts';
import { sending } from './contract/sending.ts';
import { tallies } from './contract/tallies.ts';
import { units } from './contract/units.ts';
import type { Runner, Test } from './runner.ts';
import { type StoreHost, World } from './world.ts';

const TOPICS = {
  units,
  sending,
  recipients,
  leasing,
  confirming,
  fencing,
  orphans,
  identity,
  peers,
  persons,
  idleWatches,
  operator,
  events,
  instances,
  retention,
  tallies,
};

export function storeContract({ describe, it, expect }: Runner, database: string, newHost: () => StoreHost): void {
  const test: Test = (name, body) =>
    it(name, async () => {
      const world = await World.create(newHost());
      try {
        await body(world);
      } finally {
        await world.end();
      }
    });

  describe(`a store on ${database}`, () => {
    for (const [topic, add] of Object.entries(TOPICS)) describe(topic, () => add(test, expect));
  });
}
