import type { Writable } from 'node:stream';
import type { Answer, Call } from './api.ts';
import { jsonText } from './json-text.ts';

/** Prints the progress of a walk. */
export interface Narrator {
  step(number: number, title: string): void;
  /** Prints a sentence of explanation. */
  say(text: string): void;
  /** Prints a request and its response. `brief` omits the bodies. */
  exchange(call: Call, answer: Answer, brief: boolean): void;
  /** Prints a check that passed. */
  passed(statement: string): void;
  skipped(title: string, why: string): void;
}

const styles = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

export type Paint = (style: keyof typeof styles, text: string) => string;

/** Returns a function that colors text for a terminal, unless NO_COLOR is set. */
export function paintFor(stream: { isTTY?: boolean }): Paint {
  const colourful = stream.isTTY === true && process.env['NO_COLOR'] === undefined;
  return (style, text) => (colourful ? `\u001b[${styles[style]}m${text}\u001b[0m` : text);
}

/** The response headers to print, with their labels. */
const shownHeaders: [header: string, label: string][] = [
  ['latchkey-cache', 'cache'],
  ['latchkey-revision', 'revision'],
];

/** Creates a narrator that writes to a stream such as stdout, in color if it is a terminal. */
export function createNarrator(stream: Writable & { isTTY?: boolean }): Narrator {
  const paint = paintFor(stream);
  const line = (text: string) => stream.write(`${text}\n`);
  const indented = (text: string, by: string) => {
    for (const part of text.split('\n')) line(`${by}${part}`);
  };
  return {
    step(number, title) {
      line(`\n${paint('bold', `${String(number).padStart(2)}  ${title}`)}`);
    },
    say(text) {
      indented(wrap(text, 96), '    ');
    },
    exchange(call, answer, brief) {
      const request = `${call.method} ${call.path}`;
      const outcome = [
        String(answer.status),
        ...shownHeaders.flatMap(([header, label]) => {
          const value = answer.headers.get(header);
          return value === null ? [] : [`${label} ${value}`];
        }),
        `${answer.tookMs.toFixed(1)} ms`,
      ].join(' · ');
      if (brief) {
        line(`    ${paint('cyan', request)}  ${paint('dim', outcome)}`);
        return;
      }
      line(`\n    ${paint('cyan', request)}`);
      if (call.body !== undefined) indented(jsonText(call.body, 94), '      ');
      line(`    ${paint('dim', outcome)}`);
      if (answer.body !== undefined) indented(paint('dim', jsonText(answer.body, 94)), '      ');
    },
    passed(statement) {
      line(`    ${paint('green', '✓')} ${statement}`);
    },
    skipped(title, why) {
      line(`\n${paint('dim', ` –  ${title}: skipped, ${why}`)}`);
    },
  };
}

function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current].join('\n');
}
