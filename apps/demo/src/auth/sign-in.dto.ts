import { ApiProperty } from '@nestjs/swagger';
import { IsText } from '../is-text.decorator.js';

export class SignInDto {
  @ApiProperty({ example: 'user4@example.com' })
  @IsText(1, 200)
  readonly email!: string;

  @ApiProperty({ example: 'demo' })
  @IsText(1, 200)
  readonly password!: string;
}
