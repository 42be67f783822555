import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseForm } from '../../../src/sandbox/http/form.ts';
import { integer, listOf, mergedMetadata, readParams } from '../../../src/sandbox/http/params.ts';

describe('a form', () => {
  it('nests as its brackets say', () => {
    expect(parseForm('a=1&b[c]=2&b[d][0][e]=3&b[d][1][e]=x%26y')).toEqual({
      a: '1',
      b: { c: '2', d: { 0: { e: '3' }, 1: { e: 'x&y' } } },
    });
  });

  it('numbers the entries of empty brackets', () => {
    expect(parseForm('expand[]=a&expand[]=b')).toEqual({ expand: { 0: 'a', 1: 'b' } });
  });

  it('has no keys but those it was given', () => {
    const form = parseForm('__proto__[polluted]=1');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(form)).toEqual(['__proto__']);
  });
});

describe('parameters', () => {
  const schema = z.strictObject({ ids: listOf(integer), note: z.string().optional() });

  it('are read into their own types, lists by number and not by order of arrival', () => {
    expect(readParams(schema, parseForm('ids[10]=3&ids[2]=2&ids[0]=1'))).toEqual({
      ids: [1, 2, 3],
    });
  });

  it('are refused by name', () => {
    expect(() => readParams(schema, parseForm('ids[0]=x'))).toThrow('Invalid ids[0]');
    expect(() => readParams(schema, parseForm('note=a'))).toThrow('Missing required param: ids.');
    expect(() => readParams(schema, parseForm('ids[0]=1&no[te]=a'))).toThrow(
      'Received unknown parameter: no',
    );
  });

  it('merge metadata: empty values go, empty text clears', () => {
    expect(mergedMetadata({ a: '1', b: '2' }, { a: '', c: '3' })).toEqual({ b: '2', c: '3' });
    expect(mergedMetadata({ a: '1' }, '')).toEqual({});
    expect(mergedMetadata({ a: '1' }, undefined)).toEqual({ a: '1' });
  });
});
