import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, Matches } from 'class-validator';
import { IsText } from '../../is-text.decorator.js';

export class UpdateArticleDto {
  @ApiProperty({ minLength: 1, maxLength: 200 })
  @IsText(1, 200)
  readonly title!: string;

  @ApiProperty({ minLength: 1, maxLength: 20_000 })
  @IsText(1, 20_000)
  readonly body!: string;

  @ApiProperty({ type: [String], maxItems: 10, example: ['nestjs', 'caching'] })
  @IsArray()
  @ArrayMaxSize(10)
  @ArrayUnique()
  @Matches(/^[a-z0-9-]{1,50}$/, {
    each: true,
    message: 'each of $property must be up to 50 of a-z, 0-9 and -',
  })
  readonly tags!: string[];
}
