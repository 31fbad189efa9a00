/** Names of peers: random ones, free ones, and the nearest to one that does not exist. */
import { distance } from 'fastest-levenshtein';
import { NAME_PATTERN } from '../../shared/contract/common.ts';
import { PeersError } from '../../shared/errors.ts';
import { NAME_MAX_CHARS } from '../../shared/limits.ts';

const ADJECTIVES =
  'amber ample apt bold brave bright brisk calm civil clear clever cool crisp deft eager early fair fast fine firm fond frank free fresh gentle glad golden good grand green happy hardy honest humble jolly keen kind lively loyal lucid lucky mellow merry mild neat nimble noble patient plain polite prime proud quick quiet rapid ready sharp silent silver sleek smart smooth snug solid spry steady still sturdy subtle sunny sure swift tidy trim true upbeat vivid warm wise witty zesty'.split(
    ' ',
  );
const NOUNS =
  'acorn alder anchor aspen badger beacon bison brook cedar cliff comet condor coral crane creek cypress delta dove eagle elk ember falcon fern finch fjord fox gecko glade grove gull harbor hare hawk hazel heron ibis inlet ivy jay juniper kestrel kite lark laurel ledge lemur linden lotus lynx maple marlin marten meadow mesa mole moss newt oak orca oriole osprey otter owl panda pebble pika pine plover prairie puffin quail quartz raven reef ridge robin rowan sable sage seal shore sparrow spruce stork swan tern thistle thrush tide trout tulip vale viper walnut willow wren yak zebra'.split(
    ' ',
  );

/** @param random gives values in [0, 1) */
export function randomName(random: () => number = Math.random): string {
  const pick = (words: readonly string[]) => words[Math.floor(random() * words.length)] ?? 'peer';
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}`;
}

/** Two names are the same name when their keys are. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

/** What the human is called at first; no agent may pass for the human. */
export const OPERATOR_NAME = 'operator';

/** @throws PeersError `invalid_name` */
export function assertName(name: string): string {
  if (NAME_PATTERN.test(name)) return name;
  throw new PeersError(
    'invalid_name',
    `${JSON.stringify(name.slice(0, 80))} cannot be a peer's name.`,
    `A name is 1 to ${NAME_MAX_CHARS} of a-z, A-Z, 0-9, _ and -.`,
  );
}

/** The name itself, or with the first of -2, -3, … that is free; long names lose their tail to the suffix. */
export function freeName(wanted: string, isTaken: (key: string) => boolean): string {
  if (!isTaken(nameKey(wanted))) return wanted;
  for (let n = 2; ; n += 1) {
    const suffix = `-${n}`;
    const candidate = wanted.slice(0, NAME_MAX_CHARS - suffix.length) + suffix;
    if (!isTaken(nameKey(candidate))) return candidate;
  }
}

/** Up to three names that somebody may have meant, nearest first. */
export function nearestNames(wanted: string, names: readonly string[]): string[] {
  const key = nameKey(wanted);
  return names
    .map((name) => {
      const other = nameKey(name);
      const near = other.includes(key) || key.includes(other) ? 1 : distance(key, other);
      return { name, near };
    })
    .filter(({ near }) => near <= Math.max(2, Math.ceil(key.length / 2)))
    .sort((a, b) => a.near - b.near)
    .slice(0, 3)
    .map(({ name }) => name);
}
