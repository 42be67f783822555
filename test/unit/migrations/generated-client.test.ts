import { expect, it } from 'vitest';
import { isClientOf } from '../../helpers/generated-client.ts';

const client = `const config = {
  "inlineSchema": "model User {\\n  id  String @default(\\"a\\")\\n}\\n",
  "runtimeDataModel": {}
}`;

it('a generated client is recognized by the schema in it, however it is formatted', () => {
  expect(isClientOf(client, 'model User {\n  id String   @default("a")\n}\n')).toBe(true);
});

it('one of another schema, and a file that carries none, are not', () => {
  expect(isClientOf(client, 'model User {\n  id String @default("b")\n}\n')).toBe(false);
  expect(isClientOf('const config = {}', '')).toBe(false);
});
