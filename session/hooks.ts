/**
 * The tool that clients' hooks call; it stands in no list, so no model sees it. Nothing waiting costs nothing: the
 * answer is then empty, and no broker is asked.
 */
import * as z from 'zod';
import { type Batch, type Inbox, NOTHING } from './inbox.ts';
import { renderBatch } from './present.ts';

export const HOOK_TOOL = 'peer_hook';

/** A Stop block's text reaches Claude's model twice, so it carries less than a tool response. */
const STOP_MAX_BYTES = 8 * 1024;

/** Claude Code fills in strings, Codex keeps the types of the event's fields. */
const HookInput = z.object({
  event: z.enum(['SessionStart', 'UserPromptSubmit', 'PostToolUse', 'Stop']),
  stop_hook_active: z.union([z.boolean(), z.string()]).optional(),
});
export type HookEvent = z.infer<typeof HookInput>['event'];

export interface HookAnswer {
  readonly json: object;
  readonly batch: Batch;
}

export const NO_ANSWER: HookAnswer = { json: {}, batch: NOTHING };

export function hookEvent(input: unknown): HookEvent | undefined {
  return HookInput.safeParse(input).data?.event;
}

/**
 * What a hook gets told. Messages that were pushed are left to the next tool response: the client may be about to
 * show them by itself.
 */
export function answerHook(input: unknown, inbox: Inbox): HookAnswer {
  const parsed = HookInput.safeParse(input).data;
  if (!parsed) return NO_ANSWER;
  const { event, stop_hook_active } = parsed;
  if (event === 'Stop') {
    // blocked once already: what comes now waits for the next prompt, or agents could keep each other up for ever
    if (String(stop_hook_active) === 'true') return NO_ANSWER;
    const batch = inbox.takeForHook(() => true, STOP_MAX_BYTES);
    return batch.messages.length === 0 ? NO_ANSWER : { json: { decision: 'block', reason: renderBatch(batch) }, batch };
  }
  // in the middle of a turn, what is only for information waits for its end
  const batch = inbox.takeForHook(({ priority }) => event !== 'PostToolUse' || priority !== 'info');
  if (batch.messages.length === 0) return NO_ANSWER;
  return { json: { hookSpecificOutput: { hookEventName: event, additionalContext: renderBatch(batch) } }, batch };
}
