import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { type Claims, TokensService } from './tokens.service.js';

/** A request that a guard has let pass: who it is from is verified. */
export interface SignedInRequest {
  readonly user: Claims;
}

/** Lets pass who bears a valid token, and says who that is: the cache reads it there, too. */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(private readonly tokens: TokensService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context
      .switchToHttp()
      .getRequest<{ headers: { authorization?: string }; user?: Claims }>();
    const [, token] = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined) throw new UnauthorizedException('A bearer token is needed.');
    request.user = await this.tokens.verify(token);
    return true;
  }
}
