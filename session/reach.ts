/** How this session's client is reached: its push route, when a push is in place, and what the agent is doing meanwhile. */
import type { Env } from '../shared/config.ts';
import type { Activity, InboxMessage, PeerStatus, PushNote, PushRoute } from '../shared/contract/types.ts';
import { ActivityTracker } from './activity.ts';
import type { HookEvent } from './hooks.ts';
import type { Inbox } from './inbox.ts';
import type { SessionLog } from './log.ts';
import { type ChannelNotification, channelRoute } from './push/channel.ts';
import {
  appServerSocket,
  type ClientSide,
  inboxSocket,
  isUnderDaemon,
  mayWakeCodex,
  parentCommand,
} from './push/choose.ts';
import type { CodexThread } from './push/codex-thread.ts';
import { Dispatcher } from './push/dispatch.ts';
import { inboxSocketRoute } from './push/inbox-socket.ts';
import type { Filter } from './selection.ts';

export interface ReachOptions {
  readonly side: ClientSide;
  readonly env: Env;
  /** Chosen at the start; a Codex session gets its route later. */
  readonly pushRoute: PushRoute;
  readonly inbox: Inbox;
  readonly log: SessionLog;
  notifyChannel(params: ChannelNotification): Promise<void>;
  /** Tells the broker; must not throw. */
  notePush(note: PushNote): void;
  report(changes: { push_route?: PushRoute; activity?: Activity }): void;
}

export class Reach {
  readonly #options: ReachOptions;
  readonly #dispatcher: Dispatcher;
  readonly #activity: ActivityTracker;
  /** Tool calls that wait for a message: what they wait for is not pushed as well. */
  readonly #awaited = new Set<Filter>();
  #route: PushRoute;
  #status: PeerStatus = 'active';
  #thread: CodexThread | undefined;
  #threadKnown = false;

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#route = options.pushRoute;
    this.#dispatcher = new Dispatcher({
      inbox: options.inbox,
      log: options.log,
      note: (message_ids, route, error) =>
        options.notePush({ message_ids: [...message_ids], route, ...(error === undefined ? {} : { error }) }),
      mayPush: (message) => this.#mayPush(message),
    });
    this.#activity = new ActivityTracker((activity) => {
      options.report({ activity });
      this.#dispatcher.poke();
    });
  }

  get route(): PushRoute {
    return this.#route;
  }

  get activity(): Activity {
    return this.#activity.now;
  }

  /** The client has finished its handshake and takes notifications. */
  open(): void {
    const { pushRoute, env, notifyChannel } = this.#options;
    const socket = inboxSocket(env);
    if (pushRoute === 'channel') {
      this.#dispatcher.open(channelRoute(notifyChannel), socket && inboxSocketRoute(socket, { again: true }));
    } else if (pushRoute === 'inbox-socket') {
      this.#dispatcher.open(inboxSocketRoute(socket ?? { path: '/nonexistent', token: undefined }));
    }
  }

  /** Messages came into the inbox. */
  arrived(): void {
    this.#dispatcher.poke();
  }

  /** The peer's own status: on do-not-disturb only critical messages are pushed. */
  statusIs(status: PeerStatus): void {
    this.#status = status;
    this.#dispatcher.poke();
  }

  /** The model called a tool. */
  called(): void {
    this.#activity.called();
  }

  /** A hook of the client ran. */
  hooked(event: HookEvent | undefined, goesOn: boolean): void {
    if (event === undefined) return;
    this.#activity.hooked((event === 'Stop' && !goesOn) || event === 'SessionStart' ? 'idle' : 'busy');
  }

  /** Codex says which thread this session serves. */
  async threadIs(threadId: string, cwd: string): Promise<void> {
    const { env, log, report } = this.#options;
    if (this.#threadKnown || this.#options.side !== 'codex') return;
    this.#threadKnown = true;
    if (!mayWakeCodex(env)) return;
    if (!isUnderDaemon(parentCommand())) {
      log.info('this Codex has no app-server that could wake it; messages wait for its next tool call');
      return;
    }
    // few sessions may wake their client: only they load what it takes
    const { CodexThread } = await import('./push/codex-thread.ts');
    const thread = new CodexThread({
      socket: appServerSocket(env),
      threadId,
      cwd,
      log,
      onActivity: (activity) => this.#activity.told(activity),
      onUsable: (usable) => {
        this.#route = usable ? 'app-server' : 'none';
        report({ push_route: this.#route });
        if (usable) {
          this.#dispatcher.open(thread);
        } else {
          this.#dispatcher.close();
          this.#activity.untold();
        }
      },
    });
    this.#thread = thread;
    void thread.run();
  }

  /** While a tool call waits for such messages. @returns ends that */
  await(filter: Filter): () => void {
    this.#awaited.add(filter);
    return () => {
      this.#awaited.delete(filter);
      this.#dispatcher.poke();
    };
  }

  close(): void {
    this.#dispatcher.close();
    this.#thread?.close();
  }

  #mayPush(message: InboxMessage): boolean {
    if ([...this.#awaited].some((matches) => matches(message))) return false;
    if (message.priority === 'critical') return true;
    if (this.#status === 'dnd') return false;
    return !(message.priority === 'info' && this.#activity.now === 'busy');
  }
}
