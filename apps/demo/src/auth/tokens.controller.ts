import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags, ApiUnauthorizedResponse } from '@nestjs/swagger';
import { SignInDto } from './sign-in.dto.js';
import { TokensService } from './tokens.service.js';

@ApiTags('me')
@Controller('tokens')
export class TokensController {
  constructor(private readonly tokens: TokensService) {}

  /** Everybody's password is `demo`. */
  @Post()
  @HttpCode(200)
  @ApiOkResponse({ description: 'A bearer token for an hour.' })
  @ApiUnauthorizedResponse()
  async signIn(@Body() { email, password }: SignInDto): Promise<{ token: string }> {
    return { token: await this.tokens.issue(email, password) };
  }
}
