/** Claude Code's channel: a notification that the client shows to the model at once. Nothing comes back. */
import type { InboxMessage } from '../../shared/contract/types.ts';
import { cleanText } from '../../shared/text.ts';
import type { Route } from './route.ts';

/** Tags by which clients frame what is not the model's own: a peer's text must not open or close one. */
const FRAME_TAGS =
  /<(?=\s*\/?\s*(?:channel|cross-session-message|system|user|assistant|human|function|tool|antml|command|local-command|teammate|task-notification)[\w:.-]*)/gi;

export function defuseTags(text: string): string {
  return cleanText(text).replace(FRAME_TAGS, '&lt;');
}

export interface ChannelNotification {
  readonly content: string;
  /** Claude Code drops keys of another form, and loses messages over values that are no strings. */
  readonly meta: Record<string, string>;
}

export function channelNotification(message: InboxMessage): ChannelNotification {
  const { message_id, from, sent_at, reply_to, intent, priority, redelivered } = message;
  return {
    content: defuseTags(message.text),
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
    name: 'channel',
    push: async (message) => {
      await notify(channelNotification(message));
      return 'handed';
    },
  };
}
