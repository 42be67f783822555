import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { verifyDocument } from '../../../src/client/index.ts';
import { LatchkeyProvider, type LatchkeyProviderProps } from '../../../src/client/react.ts';

/** What JavaScript passes that has not taken the text out of an answer. */
const answer = { document: 'e30.e30.e30', token: 'e30.e30.e30' };

describe('a document or token that is the whole answer', () => {
  it('is refused by the provider, which names the field and the remedy', () => {
    const render = (props: object): string =>
      renderToString(createElement(LatchkeyProvider, props as LatchkeyProviderProps));
    expect(() => render({ document: answer })).toThrow(
      '`document` must be a string: `const { document } = await latchkey.document(userId)`.',
    );
    expect(() => render({ url: 'http://latchkey.test', userId: 'u_42', token: answer })).toThrow(
      '`token` must be a string: `const { token } = await latchkey.userToken(userId)`.',
    );
  });

  it('is refused before it is verified', async () => {
    const options = { jwks: { keys: [] }, project: 'notes' };
    await expect(verifyDocument(answer as never, options)).rejects.toThrow(
      '`document` must be a string: `const { document } = await latchkey.document(userId)`.',
    );
  });
});
