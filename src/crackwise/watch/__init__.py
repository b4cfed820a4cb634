"""Pictures that keep coming: cameras, streams, films and folders that fill, watched for cracks."""
