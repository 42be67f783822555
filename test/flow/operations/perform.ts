import { expect, vi } from 'vitest';
import type { Step } from './document.ts';
import { mismatch } from './expectation.ts';
import type { Names } from './scenes.ts';
import type { Shell } from './shell.ts';

/** Does what a document says where no command does it; gets the name with the example ids replaced. */
export type Act = (name: string) => Promise<void>;

/** Reads only, so it may be repeated until the background work is done. */
function onlyAsks(code: string): boolean {
  return !/ -(d|X) |^RUN=|^LINK=/m.test(code);
}

/**
 * Runs one step of a document: its command in the shell, compared with the answer beside it, or the act.
 *
 * @param names the document's example ids, and what they are here.
 */
export async function perform(step: Step, shell: Shell, act: Act, names: Names): Promise<void> {
  const real = (text: string): string =>
    Object.entries(names).reduce((rest, [name, id]) => rest.replaceAll(name, id), text);
  if (step.kind === 'act') return act(real(step.name));
  const { expected } = step;
  const answer = async (): Promise<void> => {
    const printed = await shell.run(real(step.code));
    if (expected === null) return;
    const wanted = { ...expected, text: real(expected.text) };
    expect(mismatch(wanted, printed), `${step.code}\n\n${expected.text}`).toBeNull();
  };
  await (onlyAsks(step.code) ? vi.waitFor(answer, { timeout: 15_000, interval: 200 }) : answer());
}
