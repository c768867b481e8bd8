import { ApiProperty } from '@nestjs/swagger';
import { IsText } from '../is-text.decorator.js';

export class UpdateUserDto {
  @ApiProperty({ minLength: 1, maxLength: 100 })
  @IsText(1, 100)
  readonly name!: string;

  @ApiProperty({ maxLength: 1_000 })
  @IsText(0, 1_000)
  readonly bio!: string;
}
