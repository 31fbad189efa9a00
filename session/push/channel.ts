/** Claude Code's channel: a notification that the client shows to the model at once. Nothing comes back. */
import type { InboxMessage } from '../../shared/contract/types.ts';
import { forModel, forTaggedFrame } from '../../shared/peer-text.ts';
import { ALWAYS_READY, type Route } from './route.ts';

export interface ChannelNotification {
  readonly content: string;
  /** Claude Code drops keys of another form, and loses messages over values that are no strings. */
  readonly meta: Record<string, string>;
}

function channelNotification(message: InboxMessage): ChannelNotification {
  const { message_id, from, sent_at, reply_to, intent, priority, redelivered } = message;
  return {
    content: forTaggedFrame(forModel(message.text)),
    meta: {
      message_id,
      from_id: from.id,
      from_name: from.name,
      from_kind: from.kind,
      sent_at,
      ...(reply_to === null ? {} : { reply_to }),
      ...(intent === 'inform' ? {} : { intent }),
      ...(priority === 'normal' ? {} : { priority }),
      ...(redelivered ? { redelivered: 'true' } : {}),
    },
  };
}

/** @param notify sends a notification of the MCP server */
export function channelRoute(notify: (params: ChannelNotification) => Promise<void>): Route {
  return {
    ...ALWAYS_READY,
    name: 'channel',
    atOnce: 1,
    push: async (messages) => {
      for (const message of messages) await notify(channelNotification(message));
      return 'handed';
    },
  };
}
