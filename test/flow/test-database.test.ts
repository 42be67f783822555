import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

let one: TestDatabase;
let other: TestDatabase;

beforeAll(async () => {
  [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});
afterAll(async () => {
  await Promise.all([one.drop(), other.drop()]);
});

test('each test file gets a migrated database that no other sees', async () => {
  const now = new Date('2026-11-01T00:00:00.000Z');
  await one.database.prisma.project.create({
    data: { id: 'notes', name: 'Notes', createdAt: now, updatedAt: now },
  });
  expect(await one.database.prisma.project.count()).toBe(1);
  expect(await other.database.prisma.project.count()).toBe(0);
});

test('no statement is compiled: a report would wait seconds for it', async () => {
  const { pool, prisma } = one.database;
  expect((await pool.query('show jit')).rows).toEqual([{ jit: 'off' }]);
  expect(await prisma.$queryRaw`show jit`).toEqual([{ jit: 'off' }]);
});
