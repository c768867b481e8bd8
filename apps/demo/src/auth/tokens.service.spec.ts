import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { UnauthorizedException } from '@nestjs/common';
import { generateKeyPair, SignJWT } from 'jose';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { TokensService } from './tokens.service.js';

const ISSUER = 'nestjs-elasticache-demo';
const CLAIMS = { tid: 'acme', oid: '7', roles: ['reader'], iss: ISSUER, aud: ISSUER };

describe('A token of the demo', () => {
  const tokens = new TokensService({} as UnitOfWork);
  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
  const made = (claims: object, header = {}) =>
    new SignJWT({ ...CLAIMS, exp: inSeconds(60), ...claims }).setProtectedHeader({
      alg: 'ES256',
      kid: 'demo',
      ...header,
    });
  /** Signed with the demo's own key: what keeps it out are its claims. */
  const signed = async (claims: object, header = {}) =>
    made(claims, header).sign((await tokens['keys']).sign);

  it('is valid as long as it says', async () => {
    expect(await tokens.verify(await signed({}))).toMatchObject(CLAIMS);
  });

  it.each([
    ['has expired', { exp: inSeconds(-1) }],
    ['never expires', { exp: undefined }],
    ['is not valid yet', { nbf: inSeconds(60) }],
    ['is of another issuer', { iss: 'https://login.microsoftonline.com/other/v2.0' }],
    ['is of no issuer', { iss: undefined }],
    ['is for another application', { aud: 'another' }],
    ['is for nobody', { aud: undefined }],
    ['names no tenant', { tid: undefined }],
    ['names no user', { oid: undefined }],
  ])('is refused where it %s', async (_, claims) => {
    const refused = tokens.verify(await signed(claims));
    await expect(refused).rejects.toBeInstanceOf(UnauthorizedException);
  });

  it('is refused where another key has signed it, or none', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const [, payload] = (await signed({})).split('.');
    const head = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url');
    const forged = [
      await made({}).sign(privateKey),
      await signed({}, { kid: 'another' }),
      await made({}, { alg: 'HS256' }).sign(Buffer.alloc(32, 1)),
      ...['none', 'None', 'ES256'].map((alg) => `${head({ alg, kid: 'demo' })}.${payload}.`),
    ];
    for (const token of forged) {
      await expect(tokens.verify(token)).rejects.toBeInstanceOf(UnauthorizedException);
    }
  });
});
