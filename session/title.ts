/** Shows the peer's name in the title of the terminal tab that the session runs in. */
import { writeFile } from 'node:fs';

/** A terminal that cannot be opened (none, or another user's) keeps its title. */
export function setTabTitle(name: string): void {
  writeFile('/dev/tty', `\u001b]0;peer:${name}\u0007`, () => {});
}
