import { createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Gate, LatchkeyProvider, useEntitlement } from '../../../src/client/react.ts';

const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;

/** A document as the service signs it; what is shown needs no signature. */
function documentOf(entitlements: object, exp = inAnHour): string {
  const payload = { exp, latchkey: { entitlements, revision: 1, next_change_at: null } };
  return `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;
}

function Notebooks(): ReactNode {
  const { allowed, value, isLoading } = useEntitlement('notebooks');
  return JSON.stringify({ allowed, value, isLoading });
}

function render(document: string | undefined): string {
  return renderToString(
    createElement(
      LatchkeyProvider,
      { document },
      createElement(Gate, { feature: 'export', fallback: 'upgrade' }, 'the export'),
      ' ',
      createElement(Notebooks),
    ),
  )
    .replaceAll('<!-- -->', '')
    .replaceAll('&quot;', '"');
}

describe('components on the server', () => {
  it('render what a document allows, with its values', () => {
    expect(render(documentOf({ export: true, notebooks: 7 }))).toBe(
      'the export {"allowed":true,"value":7,"isLoading":false}',
    );
  });

  it('tell a value of null from a feature that is denied', () => {
    expect(render(documentOf({ notebooks: null }))).toBe(
      'upgrade {"allowed":true,"value":null,"isLoading":false}',
    );
  });

  it('render the fallback for what it does not contain', () => {
    expect(render(documentOf({ größe: 'ü' }))).toBe(
      'upgrade {"allowed":false,"value":null,"isLoading":false}',
    );
    // A name that every object has is no feature.
    expect(render(documentOf({}))).toContain('upgrade');
  });

  it('render nothing of an ended document, and nothing without one', () => {
    const loading = 'upgrade {"allowed":false,"value":null,"isLoading":true}';
    expect(render(documentOf({ export: true }, inAnHour - 7_200))).toBe(loading);
    expect(render('no document')).toBe(loading);
    expect(render(undefined)).toBe(loading);
  });
});
